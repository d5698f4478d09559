"""SLA clocks, as pure calculations: what a clock is, and what makes it run, pause and end."""
