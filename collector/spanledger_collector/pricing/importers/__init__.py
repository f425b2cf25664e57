"""Making price books from what others have published: each importer gives rows of text and says what it left out."""
