"""The read models: one a file, or a folder where it is made of several ideas."""
