"""What a check of a study means: from what short trainings measured to items, each with a verdict and what to do."""
