"""What features mean for a model's scores, seen without the model."""
