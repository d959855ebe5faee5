"""Tables of other packages: recency, frequency, monetary value and their scores."""

import pandas as pd

from crmkit.segmentation import rfm_score, rfm_table


def test_first_ten_customers_of_the_r_package_rfm():
    """Vignette of rfm (Hebbali), rfm_table_order() on rfm_data_orders: fifths of 995 customers."""
    printed = [
        ("Abbey O'Reilly DVM", 205, 6, 472, 343),
        ("Add Senger", 140, 3, 340, 412),
        ("Aden Lesch Sr.", 194, 4, 405, 323),
        ("Admiral Senger", 132, 5, 448, 433),
        ("Agness O'Keefe", 90, 9, 843, 555),
        ("Aileen Barton", 84, 9, 763, 555),
        ("Ailene Hermann", 281, 8, 699, 355),
        ("Aiyanna Bruen PhD", 246, 4, 157, 321),
        ("Ala Schmidt DDS", 349, 3, 363, 212),
        ("Alannah Borer", 619, 4, 196, 121),
    ]
    table = pd.DataFrame(printed, columns=["customer_id", "recency_days", "frequency", "monetary", "printed"])
    cuts = {
        "recency_days": [115, 181, 297, 482],
        "frequency": [4, 5, 6, 8],
        "monetary": [256, 382, 506, 666],
    }
    scores = rfm_score(table.drop(columns="printed"), cuts=cuts).set_index("customer_id")["rfm"]
    assert scores.astype(int).to_dict() == table.set_index("customer_id")["printed"].to_dict()


def test_six_customers_of_pymc_marketing():
    """Their rfm_summary(include_first_transaction=True) gives the mean spend of a day."""
    days = {
        1: {"2015-01-01": [1], "2015-02-06": [2]},
        2: {"2015-01-01": [2]},
        3: {"2015-01-01": [3], "2015-01-02": [1], "2015-01-05": [5]},
        4: {"2015-01-16": [6], "2015-02-02": [3], "2015-02-05": [3, 6]},
        5: {"2015-01-16": [3], "2015-01-17": [1], "2015-01-18": [8]},
        6: {"2015-02-02": [5]},
    }
    orders = pd.DataFrame(
        [
            (customer, pd.Timestamp(day), amount)
            for customer, bought in days.items()
            for day, amounts in bought.items()
            for amount in amounts
        ],
        columns=["customer_id", "order_date", "amount"],
    )
    table = rfm_table(orders, as_of="2015-02-07")
    assert table["frequency"].tolist() == [2, 1, 3, 3, 3, 1]
    assert table["recency_days"].tolist() == [1, 37, 33, 2, 20, 5]
    assert (table["monetary"] / table["frequency"]).tolist() == [1.5, 2, 3, 6, 4, 5]
