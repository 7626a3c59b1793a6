"""Image classifiers, oldest first: AlexNet, VGG, ResNet."""
