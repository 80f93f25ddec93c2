"""A scan and where it lies in the patient."""
