"""Protect: is every byte that matters somewhere else, whole?"""
