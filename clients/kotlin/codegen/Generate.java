import static com.apollographql.apollo.compiler.ApolloCompilerKt.toInputFiles;
import static com.apollographql.apollo.compiler.codegen.SourceOutputKt.writeTo;

import com.apollographql.apollo.compiler.ApolloCompiler;
import com.apollographql.apollo.compiler.CodegenOptions;
import com.apollographql.apollo.compiler.CodegenSchemaOptions;
import com.apollographql.apollo.compiler.IrOptions;
import com.apollographql.apollo.compiler.TargetLanguage;
import java.io.File;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Kotlin classes for the operations, as Apollo's Gradle plugin makes them with `packageName.set("lifeline.api")` and
 * `mapScalarToKotlinString("DateTime")`. Run as a source file: `java -cp … Generate.java <schema> <operations> <output>`.
 */
class Generate {
  public static void main(String[] args) {
    var operations = new File(args[1]).listFiles((folder, name) -> name.endsWith(".graphql"));
    if (operations == null || operations.length == 0) throw new IllegalArgumentException("There are no operations in " + args[1]);
    Arrays.sort(operations);

    var scalars =
        new CodegenSchemaOptions(
            Map.of("DateTime", "kotlin.String"), Map.of("DateTime", "com.apollographql.apollo.api.StringAdapter"), false);
    // Null is the default that the Gradle plugin has, too. Java knows no named arguments.
    var models = new IrOptions(null, null, null, null, null, null, null, null, null, true);
    var classes =
        new CodegenOptions(
            TargetLanguage.KOTLIN_1_9, "lifeline.api", null, null, null, null, null, null, null, null, null, null, null, null, null,
            null, null, null, null, null, null, null, null, null, null);
    var sources =
        ApolloCompiler.INSTANCE.buildSchemaAndOperationsSources(
            toInputFiles(List.of(new File(args[0]))), toInputFiles(Arrays.asList(operations)), scalars, models, classes, null, null,
            null, null, null, null, null, null, null);
    writeTo(sources, new File(args[2]), true, null);
  }
}
