"""The training recipe: one YAML file says everything that makes one run."""

from morngan_train.recipe.recipe import load_recipe
from morngan_train.recipe.recipe import parse_recipe
from morngan_train.recipe.recipe import Recipe
from morngan_train.recipe.recipe import RecipeError

__all__ = ['Recipe', 'RecipeError', 'load_recipe', 'parse_recipe']
