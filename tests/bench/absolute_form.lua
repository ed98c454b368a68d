-- Lets wrk ask a proxy: every request carries the absolute URL given as the script's argument.
function init(args)
  local host = args[1]:match("//([^/]+)")
  wrk.headers["Host"] = host
  wrk.path = args[1]
  request_text = wrk.format("GET", args[1])
end

function request()
  return request_text
end
