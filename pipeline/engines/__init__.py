"""The engines that a build may run on: what differs between them, and what does not."""
