"""`make abuse`: measures what a calm neighbour notices while one sender or reader attacks the product."""
