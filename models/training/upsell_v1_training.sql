{{ asof.training() }}
