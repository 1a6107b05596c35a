local json = require("json")
local M = {}
LIMIT = 3

--- Adds.
-- More.
local function add(a, b)
  local hidden = 1
  return helper(a) + b
end

function M.dotted(x) return x end
function M:method(y) self:other(y); M.sub.call() end
function M.a.b:deep() end
M.assigned = function(z) return z end
local handler = function() end

local options = {
  callback = function(e) end,
  value = 1,
}

if x then
  function conditional() end
end
return M
function broken(
