{{ asof.rows(['shipment@1', 'warehouse@1']) }}
