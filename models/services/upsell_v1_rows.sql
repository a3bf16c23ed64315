{{ asof.rows(['customer@1']) }}
