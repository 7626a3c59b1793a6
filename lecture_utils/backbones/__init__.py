"""Image classifiers, oldest first: AlexNet, VGG, ResNet, ViT, Swin."""
