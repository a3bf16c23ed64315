{{ asof.clock() }}
