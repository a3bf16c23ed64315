{{ asof.rows(['thing@1', 'place@1']) }}
