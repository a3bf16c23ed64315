{{ asof.rows(['destination@1']) }}
