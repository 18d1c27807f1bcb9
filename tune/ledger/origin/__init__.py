"""What a study was made from: recording, source of the trainer, folder; and whether they are the same still."""
