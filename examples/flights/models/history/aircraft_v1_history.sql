{{ asof.history() }}
