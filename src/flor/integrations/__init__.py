"""How other tools reach FlorDB."""
