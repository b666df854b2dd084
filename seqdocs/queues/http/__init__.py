"""An HTTP front for the engines: the completions interface that existing clients and load tools speak."""
