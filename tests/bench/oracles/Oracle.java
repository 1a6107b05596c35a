// What javac's own parser says of each file named on standard input; one JSON line each.
import com.sun.source.tree.*;
import com.sun.source.util.*;
import java.io.*;
import java.nio.file.*;
import java.util.*;
import javax.tools.*;

public class Oracle {
    static final JavaCompiler JAVAC = ToolProvider.getSystemJavaCompiler();

    static String bare(Tree t) {
        if (t instanceof IdentifierTree i) return i.getName().toString();
        if (t instanceof MemberSelectTree m) return m.getIdentifier().toString();
        if (t instanceof ParameterizedTypeTree p) return bare(p.getType());
        if (t instanceof AnnotatedTypeTree a) return bare(a.getUnderlyingType());
        return "";
    }

    static String text(String s) {
        return '"' + s.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        for (String path; (path = in.readLine()) != null; ) one(path, out);
        out.flush();
    }

    static void one(String path, PrintStream out) throws Exception {
        DiagnosticCollector<JavaFileObject> said = new DiagnosticCollector<>();
        StandardJavaFileManager files = JAVAC.getStandardFileManager(said, null, null);
        JavacTask task = (JavacTask) JAVAC.getTask(null, files, said, List.of("--enable-preview", "--release", "17"), null,
            files.getJavaFileObjects(path));
        List<String> functions = new ArrayList<>(), classes = new ArrayList<>(), calls = new ArrayList<>(), constants = new ArrayList<>();
        CompilationUnitTree unit = task.parse().iterator().next();
        SourcePositions at = Trees.instance(task).getSourcePositions();
        LineMap lines = unit.getLineMap();
        new TreeScanner<Void, String>() {
            String type = "";

            long line(long position) { return position < 0 ? 0 : lines.getLineNumber(position); }
            String span(Tree t) {
                return line(at.getStartPosition(unit, t)) + "," + line(at.getEndPosition(unit, t));
            }
            @Override public Void visitClass(ClassTree c, String around) {
                List<String> bases = new ArrayList<>();
                if (c.getExtendsClause() != null) bases.add(text(bare(c.getExtendsClause())));
                for (Tree t : c.getImplementsClause()) bases.add(text(bare(t)));
                classes.add("[" + text(c.getSimpleName().toString()) + "," + span(c) + ",[" + String.join(",", bases) + "]]");
                String outer = type;
                type = c.getSimpleName().toString();
                super.visitClass(c, around);
                type = outer;
                return null;
            }
            @Override public Void visitMethod(MethodTree m, String around) {
                String name = m.getName().contentEquals("<init>") ? type : m.getName().toString();
                functions.add("[" + text(name) + "," + span(m) + "," + m.getParameters().size() + "]");
                return super.visitMethod(m, name);
            }
            @Override public Void visitMethodInvocation(MethodInvocationTree c, String around) {
                String name = bare(c.getMethodSelect());
                calls.add("[" + text(name) + "," + line(at.getEndPosition(unit, c.getMethodSelect())) + "," + text(around) + ","
                    + c.getArguments().size() + "]");
                return super.visitMethodInvocation(c, around);
            }
            @Override public Void visitNewClass(NewClassTree c, String around) {
                calls.add("[" + text(bare(c.getIdentifier())) + "," + line(at.getStartPosition(unit, c)) + "," + text(around) + ","
                    + c.getArguments().size() + "]");
                return super.visitNewClass(c, around);
            }
            @Override public Void visitVariable(VariableTree v, String around) {
                if (around.isEmpty()) constants.add(text(v.getName().toString()));
                return super.visitVariable(v, around);
            }
        }.scan(unit, "");
        boolean error = said.getDiagnostics().stream().anyMatch(d -> d.getKind() == Diagnostic.Kind.ERROR);
        out.println("{\"path\":" + text(path) + ",\"error\":" + error + ",\"functions\":[" + String.join(",", functions)
            + "],\"classes\":[" + String.join(",", classes) + "],\"calls\":[" + String.join(",", calls)
            + "],\"constants\":[" + String.join(",", constants) + "]}");
        files.close();
    }
}
