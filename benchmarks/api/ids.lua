-- Asks for the ids of the file that the environment names, each thread from another place on.
local ids, n = {}, math.random(1, 100000)
for line in io.lines(os.getenv("IDS")) do ids[#ids + 1] = line end
request = function()
  n = n + 7919
  return wrk.format("GET", "/predictions/" .. ids[n % #ids + 1])
end
