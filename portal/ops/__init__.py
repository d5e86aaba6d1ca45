"""Operations: health, metrics, request ids, commands that run the house."""
