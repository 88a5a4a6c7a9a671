"""What development, tests and the demo run on: clusters, images and services, brought up and taken down again."""
