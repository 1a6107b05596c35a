// What Go's own parser says of each file named on standard input; one JSON line each.
package main

import (
	"bufio"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
)

type facts struct {
	Path      string  `json:"path"`
	Error     bool    `json:"error"`
	Functions [][]any `json:"functions"`
	Classes   [][]any `json:"classes"`
	Calls     [][]any `json:"calls"`
	Constants []any   `json:"constants"`
}

func name(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.IndexExpr:
		return name(x.X)
	case *ast.IndexListExpr:
		return name(x.X)
	case *ast.ParenExpr:
		return name(x.X)
	}
	return ""
}

func parameters(t *ast.FuncType) int {
	return t.Params.NumFields()
}

func main() {
	out := json.NewEncoder(os.Stdout)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		f := facts{Path: in.Text(), Functions: [][]any{}, Classes: [][]any{}, Calls: [][]any{}, Constants: []any{}}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, in.Text(), nil, parser.SkipObjectResolution)
		if err != nil {
			f.Error = true
			out.Encode(f)
			continue
		}
		line := func(p token.Pos) int { return set.Position(p).Line }
		calls := func(root ast.Node, around string) {
			ast.Inspect(root, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok {
					if id := name(c.Fun); id != "" {
						f.Calls = append(f.Calls, []any{id, line(c.Fun.End()), around, len(c.Args)})
					}
				}
				return true
			})
		}
		for _, d := range file.Decls {
			switch x := d.(type) {
			case *ast.FuncDecl:
				f.Functions = append(f.Functions, []any{x.Name.Name, line(x.Pos()), line(x.End()), parameters(x.Type)})
				calls(x, x.Name.Name)
			case *ast.GenDecl:
				for _, s := range x.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						for _, n := range v.Names {
							f.Constants = append(f.Constants, n.Name)
						}
					}
				}
				calls(x, "")
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if t, ok := n.(*ast.InterfaceType); ok {
				for _, m := range t.Methods.List {
					if ft, ok := m.Type.(*ast.FuncType); ok {
						for _, n := range m.Names {
							f.Functions = append(f.Functions, []any{n.Name, line(m.Pos()), line(m.End()), parameters(ft)})
						}
					}
				}
			}
			return true
		})
		out.Encode(f)
	}
}
