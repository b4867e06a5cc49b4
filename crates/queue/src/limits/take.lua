-- Asks for one call with a key. KEYS[1]: what is known of the key. ARGV: how long it is kept in ms.
-- Gives how many milliseconds to wait; 0 means that the call is counted and may go.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local f = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do f[flat[i]] = flat[i + 1] end
local function n(name) return tonumber(f[name] or '0') end
local function set(name, value)
    f[name] = tostring(value)
    redis.call('HSET', KEYS[1], name, string.format('%.4f', value))
end

local shut = n('shut')
if shut > now then return math.ceil(shut - now) end
if shut > 0 then
    -- A new cycle: what it lets through is what the last one let through, and a little more to find
    -- out whether the limit has grown.
    set('shut', 0)
    set('used', 0)
    set('last', n('open'))
    set('open', now)
    -- Without the provider's own word the moment is a guess, and one call finds out.
    if n('blind') == 1 then set('probe', 1) end
elseif now - n('open') >= (n('period') > 0 and n('period') or 60000) and n('probe') == 0 then
    set('used', 0)
    set('open', now)
end

if n('probe') == 1 then
    set('probe', 2)
    set('open', now)
elseif n('probe') == 2 then
    -- A refusal comes at once, a picture after a while: silence for this long is consent.
    local left = n('open') + 150 - now
    if left > 0 then return math.min(left, 25) end
    set('probe', 0)
    local took = n('open') - n('last')
    if n('last') > 0 and took > 0 then set('period', took) end
end

local allow = n('allow')
if allow > 0 and n('used') >= allow + math.max(1, math.floor(allow / 20)) then
    return 100
end

-- One bucket for each dimension the provider told of; all must have room before one is taken from.
local wait = 0
local left = {}
for name, _ in pairs(f) do
    local dim = string.match(name, '^cap:(.+)$')
    if dim then
        local cap, rate = n('cap:' .. dim), n('rate:' .. dim)
        local have = math.min(cap, n('left:' .. dim) + (now - n('at:' .. dim)) * rate)
        if have >= 1 then left[dim] = have - 1
        elseif rate > 0 then wait = math.max(wait, math.ceil((1 - have) / rate))
        else wait = math.max(wait, 1000) end
    end
end
if wait > 0 then return wait end
for dim, have in pairs(left) do
    set('left:' .. dim, have)
    set('at:' .. dim, now)
end
set('used', n('used') + 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 0
