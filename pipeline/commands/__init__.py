"""What the commands beside a build and a training do, one module each."""
