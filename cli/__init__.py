"""The commands (click), one file each, thin."""
