"""The training recipe: one YAML file says everything that makes one run."""

from morngan_train.recipe.loading import load_recipe
from morngan_train.recipe.loading import parse_recipe
from morngan_train.recipe.loading import RecipeError
from morngan_train.recipe.recipe import Recipe

__all__ = ['Recipe', 'RecipeError', 'load_recipe', 'parse_recipe']
