"""The paper's tables over again: recipes under an equal budget, scored alike."""
