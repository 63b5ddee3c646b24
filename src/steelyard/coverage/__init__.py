"""Whole experiments from the true model: does the belt cover?"""
