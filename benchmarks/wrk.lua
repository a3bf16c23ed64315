-- wrk -s wrk.lua URL -- FILE: sends the requests of FILE in turn, over and over. FILE holds, for each, the number of its
-- bytes on a line, and these bytes. Prints one line of figures: requests, seconds, p50 and p99 in ms, errors.
local requests, turn = {}, 0

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    local size = file:read("*l")
    while size do
        requests[#requests + 1] = file:read(tonumber(size))
        size = file:read("*l")
    end
    file:close()
end

function request()
    turn = turn % #requests + 1
    return requests[turn]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        "figures %d %.6f %.6f %.6f %d\n", summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, errors.connect + errors.read + errors.write + errors.status + errors.timeout
    ))
end
