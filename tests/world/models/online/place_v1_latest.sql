{{ asof.latest() }}
