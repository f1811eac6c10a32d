"""Training of a scene parser, the network that judges colour pictures by mIoU."""
