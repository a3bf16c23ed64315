{{ asof.rows(['card@1']) }}
