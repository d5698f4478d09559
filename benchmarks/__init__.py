"""What ticketlog reaches, each figure beside a peer or a limit of the same run."""
