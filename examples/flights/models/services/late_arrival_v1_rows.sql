{{ asof.rows(['origin@1', 'carrier@1', 'route@1', 'aircraft@1']) }}
