{{ asof.rows(['customer@1', 'customer_value@1']) }}
