-- repoctx in Neovim 0.7 or newer: findings as diagnostics, fixes as code actions, and
--   :[range]RepoctxAsk QUESTION        about the lines, or the file; the answer in a split
--   :[range]RepoctxEdit INSTRUCTION    a change, also in other files, made in the buffers
--   :[range]RepoctxFilter INSTRUCTION  the lines themselves, rewritten in place
--   :RepoctxReview                     a review by the model too, now
--
-- Copy it to ~/.config/nvim/lua/repoctx.lua, and in init.lua:
--   require("repoctx").setup({ cmd = { "repoctx", "lsp" } })

local M = { cmd = { "repoctx", "lsp" }, program = "repoctx", clients = {} }

local function root_of(file)
  local folder = vim.fn.fnamemodify(file, ":p:h")
  while folder ~= vim.fn.fnamemodify(folder, ":h") do
    if vim.fn.getftype(folder .. "/.git") ~= "" then
      return folder
    end
    folder = vim.fn.fnamemodify(folder, ":h")
  end
end

function M.attach(buffer)
  local file = vim.api.nvim_buf_get_name(buffer)
  if file == "" or vim.bo[buffer].buftype ~= "" then
    return
  end
  local root = root_of(file)
  if not root then
    return
  end
  local config = { name = "repoctx", cmd = M.cmd, root_dir = root, init_options = M.options }
  if vim.lsp.start then
    vim.lsp.start(config, { bufnr = buffer })
  else
    M.clients[root] = M.clients[root] or vim.lsp.start_client(config)
    vim.lsp.buf_attach_client(buffer, M.clients[root])
  end
end

local function client()
  local clients = (vim.lsp.get_clients or vim.lsp.get_active_clients)()
  for _, one in pairs(clients) do
    if one.name == "repoctx" and vim.lsp.buf_is_attached(0, one.id) then
      return one
    end
  end
  vim.notify("repoctx: this file is in no repository", vim.log.levels.ERROR)
end

local function place(call)
  local found = { uri = vim.uri_from_bufnr(0) }
  if call.range > 0 then
    found.range = {
      start = { line = call.line1 - 1, character = 0 },
      ["end"] = { line = call.line2, character = 0 },
    }
  end
  return found
end

local function run(command, argument, done)
  local server = client()
  if not server then
    return
  end
  server.request("workspace/executeCommand", { command = command, arguments = { argument } }, function(err, result)
    if not err and done then
      done(result)
    end
  end, 0)
end

local function ask(call)
  local argument = place(call)
  argument.question, argument.show = call.args, false
  run("repoctx.ask", argument, function(result)
    vim.cmd("botright new")
    vim.bo.buftype, vim.bo.bufhidden, vim.bo.filetype = "nofile", "wipe", "markdown"
    vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(result.answer, "\n"))
  end)
end

local function edit(call)
  local argument = place(call)
  argument.instruction = call.args
  run("repoctx.edit", argument)
end

local function filter(call)
  local quoted = vim.fn.shellescape
  local file = vim.api.nvim_buf_get_name(0)
  local command = M.program .. " filter --line " .. call.line1
  if file ~= "" then
    command = command .. " --path " .. quoted(file, true)
  end
  vim.cmd(call.line1 .. "," .. call.line2 .. "!" .. command .. " " .. quoted(call.args, true))
  if vim.v.shell_error ~= 0 then
    vim.notify("repoctx: nothing was changed; repoctx log --last says why", vim.log.levels.ERROR)
  end
end

function M.setup(options)
  for name, value in pairs(options or {}) do
    M[name] = value
  end
  local group = vim.api.nvim_create_augroup("repoctx", {})
  vim.api.nvim_create_autocmd({ "BufReadPost", "BufNewFile", "BufWritePost" }, {
    group = group,
    callback = function(event)
      M.attach(event.buf)
    end,
  })
  local command = vim.api.nvim_create_user_command
  command("RepoctxAsk", ask, { nargs = "+", range = true })
  command("RepoctxEdit", edit, { nargs = "+", range = true })
  command("RepoctxFilter", filter, { nargs = "+", range = "%" })
  command("RepoctxReview", function()
    run("repoctx.review", place({ range = 0 }))
  end, {})
  M.attach(vim.api.nvim_get_current_buf())
end

return M
