"""Jobs over a desk's whole log, on ticketlog's public API: short scripts to run and to adapt.

    python -m replay [--desk DIR] rebuild [VIEW ...]
    python -m replay [--desk DIR] verify [VIEW ...]
    python -m replay [--desk DIR] as_of MOMENT VIEW ...

A job is a module with `run(desk, arguments)`, which returns the exit code; a new one is a file
here and a name in JOBS.
"""

JOBS = ("rebuild", "verify", "as_of")
