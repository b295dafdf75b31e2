"""What differs between the engines that a build may run on."""
