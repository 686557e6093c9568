"""Refuses bad answers of a replay file; all others are refused before a folder is made.

{{ cookiecutter | refuse_bad_answers }}
"""
