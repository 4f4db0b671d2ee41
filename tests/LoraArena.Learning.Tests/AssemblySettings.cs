using Xunit.Sdk;
using Xunit.v3;

// libtorch uses all processors itself, and some tests count every tensor that is alive: one test at a time.
[assembly: Parallelization(Mode = ParallelMode.None)]
