-- Asks for one call with a key. ARGV: how long what is known is kept in ms. Gives how many milliseconds
-- to wait; 0 means that the call is counted and may go, -1 that it does so alone.
if n('shut') > now then return math.ceil(n('shut') - now) end
if n('shut') > 0 then
    set('due', n('shut'))
    set('shut', 0)
    set('probe', 1)
elseif n('probe') == 0 and now - n('open') >= (n('hi') > 0 and n('hi') or 60000) then
    -- A whole window without a refusal: another one has begun somewhere.
    set('used', 0)
    set('open', now)
    set('real', 0)
end

if n('probe') == 2 then
    local left = n('trying') + silence() - now
    if left > 0 then return math.ceil(math.min(left, 25)) end
    begin()
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

local allow = n('allow')
if n('probe') == 0 and allow > 0 and n('used') >= allow then
    -- A little beyond what the last window took finds out whether the limit has grown.
    if n('used') >= allow + math.max(1, math.floor(allow / 20)) then
        local left = n('explored') + silence() - now
        if left > 0 then return math.ceil(math.min(left, 25)) end
        set('allow', n('used'))
    end
    set('explored', now)
end

for dim, have in pairs(left) do
    set('left:' .. dim, have)
    set('at:' .. dim, now)
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if n('probe') == 1 then
    set('probe', 2)
    set('trying', now)
    return -1
end
set('used', n('used') + 1)
return 0
