using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraArena.Storage.Migrations
{
    /// <inheritdoc />
    public partial class RunEnds : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.RenameColumn(
                name: "FruitlessAttempts",
                table: "Runs",
                newName: "AttemptsWithoutProgress");

            migrationBuilder.AddColumn<string>(
                name: "BootId",
                table: "Runs",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "Device",
                table: "Runs",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "Flag",
                table: "Runs",
                type: "TEXT",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "BootId",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "Device",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "Flag",
                table: "Runs");

            migrationBuilder.RenameColumn(
                name: "AttemptsWithoutProgress",
                table: "Runs",
                newName: "FruitlessAttempts");
        }
    }
}
