"""Receiving files: resumable uploads on disk, a first look at what they are, and their way into the object store."""
