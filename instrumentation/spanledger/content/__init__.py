"""What people and models said, read from the wire formats of the providers: one module for each format.

Used only while the application has content captured (docs/content.md); the readers give what `content.parts` describes.
"""
