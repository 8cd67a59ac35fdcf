"""The Taiwan file has two lines of names, which the checks find wherever they stand; it comes from a file only."""

NOT_FETCHED = (
    "The Taiwan file is not fetched by itself. Pass the one you have: "
    "SOURCE=path/to/default_of_credit_card_clients.csv."
)
