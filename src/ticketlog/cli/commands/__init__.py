"""The commands of the shell: one file a group of them."""
