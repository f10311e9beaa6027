"""Evaluation: how good a classifier is, alone and after `fit`, and the model card that says so."""
