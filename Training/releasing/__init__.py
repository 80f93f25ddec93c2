"""From the measured networks to the model that ships."""
